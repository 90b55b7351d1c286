"""From abnormal readings to one mail that a person reads: episodes, their mails, and how mails are sent."""
