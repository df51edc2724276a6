"""Names what is in images: python classify_images.py BUNDLE IMAGE..."""

import sys

from quince import Classifier

classifier = Classifier(sys.argv[1])
for file in sys.argv[2:]:
    answer = classifier.classify(file, top=3)
    best = answer[0]
    if answer.verdict == "known":
        print(f"{file}: {best.label} ({best.score:.0%})")
    else:
        print(f"{file}: {answer.verdict}, perhaps {best.label}")
