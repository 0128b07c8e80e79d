"""Signing out of web applications whose users sign in at the hosted UI: one core, and adapters for the frameworks.

The theory. A web server cannot wait for a browser: the sign-out is **suspended** where it stands at the hosted UI, and
the browser's return **resumes** it, minutes later, in whichever process hears of it. What must not depend on a browser
is done before: the hosted UI comes last. So the sign-out that is suspended has the tokens revoked and the credentials
cleared behind it, holds no token, and a user who never comes back is signed out all the same::

    POST /sign-out    ``WebSignOut.begin``: the global sign-out if asked for, revocation, local clear; then it stands at
                      SigningOutHostedUI, and its snapshot is kept as a ticket. 303 to the provider's /logout, and a
                      cookie with the ticket.
    GET /signed-out   ``WebSignOut.callback``: the browser is back. Who has the ticket ends the sign-out:
                      HostedUISignedOut, or HostedUISignOutFailed where the provider reports an error.
    every minute      ``WebSignOut.sweep``: who has not come back in time never will: HostedUISignOutFailed. What died
                      on its way is ended.

**The ticket** is 256 random bits. Cognito's ``/logout`` echoes no ``state``, so it travels in a cookie: HttpOnly,
Secure, SameSite=Lax (the browser comes back from another site), for the path of the callback only, for 15 minutes. The
server keeps its SHA-256, and beside it the machine's own JSON. A ticket ends once, by compare-and-delete in the store:
of any number of callbacks and sweepers, in any number of processes, exactly one is the end, and observers see it once.
The others are shown the same page and change nothing; a callback without the ticket is shown another, and changes
nothing. (A process that dies in between has ended the ticket, and told nobody. One that dies right after the ticket is
kept is told of twice: by the browser's return, and by the sweeper that comes across its journal. Of a button that was
clicked twice in two processes, each click has a ticket, and only the one that the browser has kept comes back.)

**Nobody here.** A browser that is signed in to nothing in this application may be signed in at the hosted UI all the
same: its session was lost, or another click has just ended it. So it is sent to the provider's ``/logout``, too.

**Tokens that live on.** Where the revocation or the global sign-out has failed, the page says so, and the result has
the tokens for another try. The adapters answer the browser, and keep nothing: ``WebSignOut(on_partial=...)`` is given
those results.

**Sessions whose cookie is gone** stay in the store, with tokens that live. Sign out of the old one when a browser signs
in anew, and of keys that were not used for as long as a cookie lives, in a job of yours.

**What can be trusted.** A return with the ticket is evidence, bound to the browser that began; it is no proof that the
provider has ended its session. While it is waited for, somebody's link to the callback that this browser follows is not
told from it; pictures and frames in a page are. The page then says "signed out" of that sign-out, also where the user
has signed in anew meanwhile: the new session is none of its business.

**Open redirects.** Where the browser goes is configured: the provider's ``/logout``, the ``logout_uri`` in it, and
where a signed-out user is sent. Nothing of a request ever stands in a URL, a header field or a page.

**Cross-site requests.** A sign-out changes something, so it is a POST, and `WebSignOut.begin` refuses one that another
site's page has made: by ``Sec-Fetch-Site`` (W3C, Fetch Metadata Request Headers) or, where a browser does not send
that, by ``Origin``. The frameworks' own CSRF tokens stand before it where there are any; the adapters say how.

**The application's own session** should hold a random key, no token: the key under which the credentials are stored.
A session cookie that is played again after the sign-out then names a session that is cleared. The adapters forget the
application's session as soon as the credentials are gone.

**The back button** shows what a browser has kept: send the pages of signed-in users with ``Cache-Control: no-store``.

**A crash** before the ticket is kept leaves the journal of the sign-out in the credential store. ``WebSignOut.sweep``
ends what stands still there for longer than a sign-out may take: all but the hosted UI, and the result says that of it.
Nobody else should resume while servers run: a journal does not tell a sign-out that died from one under way.

`authsm.web.starlette` (FastAPI, too), `authsm.web.flask` and `authsm.web.django` are the adapters.
"""

from authsm.stores.file_tickets import FileTicketStore
from authsm.stores.sqlite_tickets import SQLiteTicketStore
from authsm.stores.tickets import MemoryTicketStore, Ticket, TicketStore
from authsm.web.sign_out import Begun, Returned, WebSignOut

__all__ = [
    "Begun",
    "FileTicketStore",
    "MemoryTicketStore",
    "Returned",
    "SQLiteTicketStore",
    "Ticket",
    "TicketStore",
    "WebSignOut",
]
