"""After a run, the page shows what was measured."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reliability.page import main


@pytest.fixture(scope="session", autouse=True)
def rendered_page() -> Iterator[None]:
    """Put the figures of this run into the page, those of failed proofs' neighbours too."""
    yield
    main()
