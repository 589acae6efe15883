"""From published annotation files and videos to the prepared folder that training reads."""
