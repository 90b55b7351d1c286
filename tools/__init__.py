"""What Vigie needs around it on a laptop: local broker and database, virtual boards, commands."""
