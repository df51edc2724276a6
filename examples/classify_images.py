"""Names what is in images: python classify_images.py BUNDLE IMAGE..."""

import sys

from quince import Classifier

classifier = Classifier(sys.argv[1])
for file in sys.argv[2:]:
    best, *others = classifier.classify(file, top=3)
    if best.score < classifier.min_score:
        print(f"{file}: unknown, perhaps {best.label}")
    else:
        print(f"{file}: {best.label} ({best.score:.0%})")
