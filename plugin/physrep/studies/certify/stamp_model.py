"""The verdict written into the file of the model, so that engines can show it."""

from datetime import date
from pathlib import Path

from physrep.archive import is_torchscript
from physrep.checkpoint import CheckpointError, fingerprint, load_checkpoint, save_checkpoint
from physrep.config import ConfigError
from physrep.engines.metadata import read_exported
from physrep.engines.stamp import stamp_exported
from physrep.probes.named_calculator import ASE_PREFIX
from physrep.studies.certify.certificate import Certificate


class Stamp:
    """Made before the work: a file that cannot hold a certificate is refused at once.

    A file whose parameters have changed by the end of the work is not stamped.
    """

    def __init__(self, model: str) -> None:
        """Raises:
        ConfigError: not a physrep file. CheckpointError, ExportError: it cannot be read.
        """
        if model.startswith(ASE_PREFIX):
            raise ConfigError(
                f"--stamp: {model} is not a physrep file, so the verdict cannot be written into it"
            )
        self.path = Path(model)
        self.before = self._fingerprint()

    def write(self, found: Certificate) -> None:
        """Atomically; the parameters stay as they are.

        Raises:
            CheckpointError: they have changed since.
        """
        if self._fingerprint() != self.before:
            raise CheckpointError(
                f"{self.path}: its parameters have changed since the work began; certify it again"
            )
        certificate = {**found.stamp(date.today().isoformat()), "parameters": self.before}
        if is_torchscript(self.path):
            stamp_exported(self.path, certificate)
            return
        checkpoint = load_checkpoint(self.path)
        checkpoint.certificate = certificate
        save_checkpoint(checkpoint, self.path)

    def _fingerprint(self) -> str:
        if is_torchscript(self.path):
            return fingerprint(read_exported(self.path)[0])
        return fingerprint(load_checkpoint(self.path).model)
