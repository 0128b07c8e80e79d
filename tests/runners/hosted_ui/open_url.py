"""The command that BROWSER names: it hands a URL to the browser that runs already, as those of browsers do."""

import socket
import sys

if __name__ == "__main__":
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as browser:
        browser.sendall(sys.argv[2].encode())
