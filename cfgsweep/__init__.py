"""A laboratory for classifier-free guidance in diffusion models."""
