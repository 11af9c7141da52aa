"""WHEN: ticks and seconds, the agenda, clock followers. Pure, standard library only."""
