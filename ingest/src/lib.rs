//! Pulls the stage out of the SFU, composes it and encodes one aligned ladder.
