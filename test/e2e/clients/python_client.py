"""Cases of paramiko and AsyncSSH: LIBRARY FEATURE JUMP-LINE HOST LOGIN KEY FOLDER. Prints `ok` when all held."""

import asyncio
import hashlib
import os
import shlex
import sys

library, feature, jump, host, login, key, folder = sys.argv[1:]
LIMIT_S = 30 * max(1.0, float(os.environ.get("DRAWBRIDGE_PATIENCE", "1")))
BLOB = os.urandom(1_500_000)
REMOTE = os.path.join(folder, f"{library}-{host}")


def same(actual, expected):
    if actual != expected:
        raise SystemExit(f"{actual!r:.300} is not {expected!r:.300}")


def with_paramiko():
    import paramiko

    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    options = {"key_filename": key, "allow_agent": False, "look_for_keys": False, "timeout": LIMIT_S}
    client.connect(host, username=login, sock=paramiko.ProxyCommand(jump), **options)

    def run(command, data=None, **more):
        stdin, stdout, stderr = client.exec_command(command, timeout=LIMIT_S, **more)
        if data is not None:
            stdin.write(data)
        stdin.channel.shutdown_write()
        return stdout.read(), stderr.read(), stdout.channel.recv_exit_status()

    if feature == "exec":
        same(run("echo out; echo err >&2; exit 42"), (b"out\n", b"err\n", 42))
        same(run("printf %s \"$LC_MESSAGES\"", environment={"LC_MESSAGES": "C"})[0], b"C")
    elif feature == "stdin":
        same(run("sha256sum", BLOB)[0].split()[0].decode(), hashlib.sha256(BLOB).hexdigest())
    elif feature == "pty":
        channel = client.get_transport().open_session()
        channel.get_pty("xterm", 97, 31)
        channel.exec_command("stty size; read -r line; stty size")
        seen = b""
        while b"31 97" not in seen:
            seen += channel.recv(1000)
        channel.resize_pty(71, 19)
        channel.sendall(b"\n")
        while b"19 71" not in seen:
            more = channel.recv(1000)
            if not more:
                raise SystemExit(f"the window did not change: {seen!r}")
            seen += more
    elif feature == "sftp":
        sftp = client.open_sftp()
        with sftp.open(REMOTE, "wb") as file:
            file.write(BLOB)
        sftp.posix_rename(REMOTE, REMOTE + "-2")
        same(sftp.stat(REMOTE + "-2").st_size, len(BLOB))
        with sftp.open(REMOTE + "-2", "rb") as file:
            same(file.read(), BLOB)
        same(os.path.basename(REMOTE) + "-2" in sftp.listdir(folder), True)
        sftp.remove(REMOTE + "-2")
    elif feature == "channels":
        sessions = [client.exec_command(f"echo {number}") for number in range(10)]
        same([out.read() for _, out, _ in sessions], [b"%d\n" % number for number in range(10)])
    else:
        raise SystemExit(f"no such case: {feature}")
    client.close()


async def with_asyncssh():
    import asyncssh

    options = {"username": login, "client_keys": [key], "known_hosts": None, "agent_path": None, "config": None}
    async with asyncssh.connect(host, proxy_command=shlex.split(jump), **options) as connection:
        if feature == "exec":
            run = await connection.run("echo out; echo err >&2; exit 42")
            same((run.stdout, run.stderr, run.exit_status), ("out\n", "err\n", 42))
            run = await connection.run('printf %s "$LC_MESSAGES"', env={"LC_MESSAGES": "C"})
            same(run.stdout, "C")
        elif feature == "signal":
            run = await connection.run("kill -TERM $$")
            same(run.exit_signal[0], "TERM")
        elif feature == "sent signal":
            process = await connection.create_process("echo up; exec sleep 100")
            same(await process.stdout.readline(), "up\n")
            process.send_signal("TERM")
            same((await process.wait()).exit_signal[0], "TERM")
        elif feature == "stdin":
            run = await connection.run("sha256sum", input=BLOB, encoding=None)
            same(run.stdout.split()[0].decode(), hashlib.sha256(BLOB).hexdigest())
        elif feature == "pty":
            process = await connection.create_process(
                "stty size; read -r line; stty size", term_type="xterm", term_size=(97, 31)
            )
            same((await process.stdout.readline()).strip(), "31 97")
            process.change_terminal_size(71, 19)
            process.stdin.write("\n")
            rest = await process.stdout.read()
            same("19 71" in rest, True)
        elif feature == "sftp":
            async with connection.start_sftp_client() as sftp:
                async with sftp.open(REMOTE, "wb") as file:
                    await file.write(BLOB)
                    await file.fsync()
                await sftp.posix_rename(REMOTE, REMOTE + "-2")
                same((await sftp.statvfs(folder)).bsize > 0, True)
                async with sftp.open(REMOTE + "-2", "rb") as file:
                    same(await file.read(), BLOB)
                await sftp.remove(REMOTE + "-2")
        elif feature == "refused":
            # Every request has an answer, also where it is the reason that nothing is started.
            process = await connection.create_process(subsystem="nosuch")
            said = await process.stderr.read()
            same("acme refused: the subsystem nosuch is not known" in said, True)
            same((await process.wait()).exit_status, 254)
        elif feature == "outputs closed first":
            process = await connection.create_process("exec >&- 2>&-; read -r line; exit 4")
            same(await process.stdout.read(), "")
            process.stdin.write("go on\n")
            same((await process.wait()).exit_status, 4)
        elif feature == "channels":
            runs = await asyncio.gather(*(connection.run(f"echo {number}") for number in range(10)))
            same([run.stdout for run in runs], [f"{number}\n" for number in range(10)])
        else:
            raise SystemExit(f"no such case: {feature}")


if library == "paramiko":
    with_paramiko()
else:
    asyncio.run(with_asyncssh())
print("ok")
