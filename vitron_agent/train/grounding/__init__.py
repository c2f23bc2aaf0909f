"""Learning to ground: queries on dense features, and the localiser that turns their maps into boxes and masks."""
