"""What stands around Vigie on a laptop: local broker and database, virtual boards, the two commands of the
README.
"""
