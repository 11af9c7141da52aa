"""Errors that speak to a performer: what was wrong, what was expected, what to do.

Everything that livevae raises on purpose is a `LivevaeError`; its text is shown as it is, without a traceback.
"""


class LivevaeError(Exception):
    """Something that the performer can mend; the message says how."""


class RequestError(LivevaeError):
    """An OSC request that cannot be done; nothing was changed."""


class SceneError(LivevaeError):
    """A scene file that does not say what a scene must say."""


class ModelError(LivevaeError):
    """A model, checkpoint or persona that is missing, broken or of another kind."""


class PortError(LivevaeError):
    """A MIDI port that does not open."""


class MusicError(LivevaeError):
    """A music file that cannot be read, or music that does not fit a model."""


class LimitError(LivevaeError):
    """A file, log or message that is larger, deeper or longer than livevae reads; readers make it their own error."""
