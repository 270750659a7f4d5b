"""A module that takes a second to be imported, as large ones do on a busy machine."""

import time

time.sleep(1.0)
