"""Archives have one date, so their bytes do not depend on the day."""

import io
import zipfile
from pathlib import Path

from workstation.zip_archive import write_zip


def test_members_come_back_in_order_with_the_earliest_date(tmp_path: Path) -> None:
    texts = {"b.txt": b"second", "a/c.txt": b"x" * 100_000}
    write_zip(tmp_path / "one.zip", {name: io.BytesIO(text) for name, text in texts.items()})
    buffer = io.BytesIO()
    write_zip(buffer, {name: io.BytesIO(text) for name, text in texts.items()})
    assert buffer.getvalue() == (tmp_path / "one.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert {info.filename: archive.read(info) for info in archive.infolist()} == texts
        assert archive.namelist() == list(texts)
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
