"""Names for NumPy arrays; docstrings say their shapes."""

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
"""Numbers along one axis (n,)."""

Matrix = NDArray[np.float64]
"""Numbers in rows and columns (n, k)."""

Array = NDArray[np.float64]
"""Numbers of any shape, or along more than two axes."""

Integers = NDArray[np.int64]
"""Whole numbers of any shape."""

Codes = NDArray[np.intp]
"""Positions in something else, such as the row of each person."""

Mask = NDArray[np.bool_]
"""Whether, of any shape."""
