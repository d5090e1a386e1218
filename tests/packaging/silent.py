"""silent.py PORT: clients who keep a TLS server waiting, in four ways at once. Ends with 0 when each is sent away."""
import socket
import ssl
import sys
import threading
import time

# What is printed gives them 10 s.
PATIENCE = 20
HEAD = b"POST /api/auth/login/ HTTP/1.1\r\nHost: auth.example.com\r\nContent-Type: application/json\r\n"
WAYS = {
    "silent before TLS": None,
    "silent after TLS": b"",
    "half a head": HEAD,
    "half a body": HEAD + b"Content-Length: 100\r\n\r\n{",
}
sent_away = {}


def wait(way, says):
    connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    connection.settimeout(PATIENCE)
    if says is not None:
        context = ssl._create_unverified_context()
        connection = context.wrap_socket(connection, server_hostname="auth.example.com")
        connection.sendall(says)
    started = time.monotonic()
    try:
        while connection.recv(4096):
            pass
    except TimeoutError:
        return
    except OSError:
        pass
    sent_away[way] = round(time.monotonic() - started)


threads = [threading.Thread(target=wait, args=way) for way in WAYS.items()]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
kept = WAYS.keys() - sent_away.keys()
print("silent clients sent away after", ", ".join(f"{seconds} s ({way})" for way, seconds in sorted(sent_away.items())))
sys.exit(f"kept waiting for more than {PATIENCE} s: {', '.join(sorted(kept))}" if kept else 0)
