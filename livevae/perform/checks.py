"""What can be played here: the models, ports, personas and attributes that settings and recipes may name."""

import logging
from collections.abc import Callable, Mapping

from livevae.errors import LivevaeError, RequestError
from livevae.latent.recipe import Recipe
from livevae.perform.cast import Cast
from livevae.perform.personas import Desk
from livevae.perform.settings import VoiceSettings, check_takes

logger = logging.getLogger(__name__)


class Checks:
    """Settings and recipes held against what is here.

    Args:
        cast: the voices, with their ports.
        has_model: whether a model of that name can be loaded.
        desk: the personas; None where there are none.
    """

    def __init__(self, cast: Cast, has_model: Callable[[str], bool], desk: Desk | None) -> None:
        self._cast, self._has_model, self._desk = cast, has_model, desk

    @property
    def desk(self) -> Desk:
        """The personas that voices can blend.

        Raises:
            RequestError: there are none.
        """
        if self._desk is None:
            raise RequestError("this session has no personas")
        return self._desk

    def changed(self, settings: VoiceSettings, values: Mapping[str, object]) -> VoiceSettings:
        """Settings with values laid over them, which can be played here.

        Raises:
            RequestError: they cannot.
        """
        changed = settings.changed(values)
        self.check(changed)
        return changed

    def check(self, settings: VoiceSettings) -> None:
        """See that settings can be played here.

        Raises:
            RequestError: they cannot; says what is missing.
        """
        if not self._has_model(settings.model):
            raise RequestError(
                f"there is no model {settings.model[:40]!r} here; `livevae model list` shows them"
            )
        if settings.source and not self._cast.incoming.open:
            raise RequestError(
                f"{settings.source} is another room's voice, and this server is in no ensemble: start it with --mqtt"
            )
        if settings.source and settings.source.partition("/")[0] == self._cast.incoming.room:
            raise RequestError(
                f"{settings.source} is a voice of this room: `from` is for those of other rooms"
            )
        check_takes(settings, self._cast.takes(settings.model))
        if settings.attributes and self._desk is not None:
            there = self._desk.attributes(settings.model)
            for name, _ in settings.attributes:
                if name not in there:
                    raise RequestError(
                        f"this model has no direction for {name}: `livevae model attributes` finds them"
                    )
        if settings.port and settings.port not in self._cast.ports:
            there = ", ".join(self._cast.ports)
            raise RequestError(
                f"there is no MIDI port {settings.port[:40]!r}; there are: {there} (see --midi)"
            )

    def persona(self, persona: str, model: str) -> None:
        """See that a model has a persona of that name.

        Raises:
            LivevaeError: it has none.
        """
        self.desk.check(persona, model)

    def known(self, recipe: Recipe) -> Recipe:
        """A recipe that can be decoded here.

        Raises:
            RequestError: its model or one of its personas is not here.
        """
        if not self._has_model(recipe.model):
            raise RequestError(f"the recipe's model, {recipe.model[:40]!r}, is not here")
        for persona, _ in recipe.blend:
            if persona:
                self.desk.check(persona, recipe.model)
        return recipe

    def look_for_personas(self, voice: str, settings: VoiceSettings) -> None:
        """A scene plays without the personas that are not here: the base model stands in, and that is said."""
        for persona in settings.blend.names:
            try:
                self.desk.check(persona, settings.model)
            except LivevaeError as error:
                logger.warning("voice %s plays the base model for %s: %s", voice, persona, error)

    def missing(self, settings: VoiceSettings) -> tuple[str, ...]:
        """The personas of settings that are gone."""
        return self._desk.gone(settings.blend.names, settings.model) if self._desk is not None else ()
