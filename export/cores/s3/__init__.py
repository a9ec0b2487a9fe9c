"""The ESP32-S3: kernels in its vector instructions (PIE), whole functions in .S."""
