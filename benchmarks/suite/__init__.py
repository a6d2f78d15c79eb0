# SPDX-License-Identifier: GPL-2.0-or-later
"""What benchmarks/run is made of."""
