//! Rooms, the LL-HLS origin, the WHIP and WHEP routes, health and metrics.
