"""Fingerprints of the files that decide a picture, by the names that records have for them."""

from __future__ import annotations

from collections.abc import Iterable

from cfgsweep.models.fingerprint import fingerprint, fingerprint_of_part
from cfgsweep.models.source import Source
from cfgsweep.sweep.experiment import VAE_PREFIX


def fingerprint_by_name(name: str, sources: Iterable[Source]) -> str:
    """The fingerprint of a model of the sweep or of its guiders, of a LoRA, or of an autoencoder.

    sources: of the sweep's models. The files have to be on this machine.
    """
    if name.startswith(VAE_PREFIX):
        from cfgsweep.models.vae import vae_folder  # imports torch

        return fingerprint_of_part(vae_folder(name.removeprefix(VAE_PREFIX)))
    known = {source.name: source for source in sources}
    return fingerprint(known.get(name) or Source.of(name))
