"""Image editing by classical methods: masks, matting, inpainting, colour; nothing is learned, nothing is downloaded."""
