"""The isolation forest: from scikit-learn through m2cgen to a packed table for boards, and its twin here."""
