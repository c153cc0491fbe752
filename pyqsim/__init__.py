"""pyqsim: bit-exact integer inference, with every rounding and overflow accounted for."""
