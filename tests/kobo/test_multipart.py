"""How a submission's files are parted into posts, and written into one (part 9, 3)."""

from __future__ import annotations

import pytest

from kobo_sync.rows.multipart import batches


@pytest.mark.parametrize(
    ("sizes", "parted"),
    [
        ([], [[]]),
        ([10] * 99, [99]),
        ([10] * 100, [99, 1]),  # KoboToolbox refuses a post of more than a hundred files, the XML counted
        ([10] * 250, [99, 99, 52]),
    ],
)
def test_no_post_has_more_files_than_kobotoolbox_takes(sizes: list[int], parted: list[object]) -> None:
    posts = batches(500, [(f"p{n}.jpg", size) for n, size in enumerate(sizes)], 10_000_000)
    assert [len(post) for post in posts] == [len(each) if isinstance(each, list) else each for each in parted]
    assert [n for post in posts for n in post] == sorted(n for post in posts for n in post)
