"""One file a page, named as its address. Not a folder `pages`: Streamlit would run its files by itself."""
