"""The commands, and how their errors end: status 2 and one line that says what to do."""

from __future__ import annotations

from typing import Any

import click

from authsm._version import __version__
from authsm.cli.check import check
from authsm.cli.demo import demo
from authsm.cli.diagram import diagram
from authsm.cli.explore import explore
from authsm.cli.resume import resume
from authsm.cli.sign_out import sign_out
from authsm.cli.status import status
from authsm.errors import ConfigurationException, CredentialStoreException
from authsm.stores.contract import StoreCorruptError, StoreUnavailableError


class _Group(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a wrong configuration is an error in its use."""
        try:
            return super().invoke(ctx)
        except ConfigurationException as error:
            raise click.UsageError(str(error), ctx) from None
        except (CredentialStoreException, StoreUnavailableError, StoreCorruptError) as error:
            raise click.ClickException(str(error)) from None


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="authsm")
def app() -> None:
    """Sign Amazon Cognito users out, so that nothing hangs, lies, or leaves a live token behind."""


app.add_command(check)
app.add_command(demo)
app.add_command(diagram)
app.add_command(explore)
app.add_command(sign_out)
app.add_command(status)
app.add_command(resume)
