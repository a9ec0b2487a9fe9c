"""All test images, host against device."""
