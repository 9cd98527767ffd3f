"""A flood through a connection whose keys are renewed: LIBRARY PORT KEY OWN-REKEY-BYTES. Prints its SHA-256."""

import asyncio
import hashlib
import sys

library, port, key, rekey_bytes = sys.argv[1:]
COMMAND = "flood 12"


def with_paramiko():
    import paramiko

    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect("127.0.0.1", port=int(port), username="alice", key_filename=key, allow_agent=False, look_for_keys=False)
    client.get_transport().packetizer.REKEY_BYTES = int(rekey_bytes)
    _, stdout, _ = client.exec_command(COMMAND)
    digest = hashlib.sha256()
    while True:
        chunk = stdout.channel.recv(1 << 20)
        if not chunk:
            break
        digest.update(chunk)
    return digest.hexdigest(), stdout.channel.recv_exit_status()


async def with_asyncssh():
    import asyncssh

    options = {"known_hosts": None, "username": "alice", "client_keys": [key], "rekey_bytes": int(rekey_bytes)}
    async with asyncssh.connect("127.0.0.1", int(port), **options) as connection:
        result = await connection.run(COMMAND, encoding=None)
        return hashlib.sha256(result.stdout).hexdigest(), result.exit_status


digest, status = with_paramiko() if library == "paramiko" else asyncio.run(with_asyncssh())
print(digest, status)
