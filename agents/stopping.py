"""That this process was asked to end: a long job looks at it and leaves at its next safe point."""

import threading

stopping = threading.Event()
