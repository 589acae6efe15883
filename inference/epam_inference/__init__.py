"""A video and its keypoints become a prediction."""
