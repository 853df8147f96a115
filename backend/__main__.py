"""`python -m backend` is `vitalpost-backend`."""

from __future__ import annotations

import sys

from backend.cli import main

sys.exit(main())
