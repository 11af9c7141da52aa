"""Whether a persona can be played here: whether its model is here, and for one in u also its prior. No torch."""

from livevae.latent.personas import Persona, U
from livevae.models.checkpoints import shelf
from livevae.models.checkpoints.identity import identity_of
from livevae.models.midime.files import Card
from livevae.models.musicvae import prior as priors


def prior_trouble(persona: Persona | Card) -> str:
    """Why a persona in u would not be heard with the prior that its model has here; "" where it is, or speaks z.

    Raises:
        ModelError: the prior's file is broken.
    """
    if persona.space != U or (here := priors.digest_of(persona.model)) == persona.prior:
        return ""
    there = "its model has another one" if here else "its model has none"
    return (
        f"{persona.name} was trained over a learned prior that is not here ({there}): copy that prior's file from"
        " where the persona was trained, or train it again"
    )


def trouble(persona: Persona | Card) -> str:
    """Why a persona cannot be played with the models and priors that are here; "" where it can. Reads every model.

    Raises:
        ModelError: the prior's file is broken.
    """
    if persona.model not in {identity_of(name) for name in shelf.with_latent()}:
        base = persona.about.get("base", persona.model)
        return f"its model is not here ({base}): it cannot be played until that is imported"
    return prior_trouble(persona)
