"""For all tests: what hypothesis does where a test does not say otherwise.

No deadline per example, since machines are shared; in CI the same examples each time, so that a landing never depends on luck.
"""

import os

from hypothesis import settings

settings.register_profile("davit", deadline=None, max_examples=50, derandomize=bool(os.environ.get("CI")))
settings.load_profile("davit")
