"""A camera or file watched through a sliding window: decoded in one thread, decided on in another."""
