"""A mail server that keeps what it gets: one JSON file a letter, and its attachment beside it.

Arguments: folder, port, then any of: certificate KEY-FILE | starttls | implicit | login NAME PASSWORD | limit BYTES | hold.
"""
import asyncio
import email.policy
import json
import os
import ssl
import sys
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

folder, port, rest = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
options = {}
holds = False
context = None
while rest:
    word = rest.pop(0)
    if word == "certificate":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(rest.pop(0), rest.pop(0))
    elif word == "starttls":
        options.update(tls_context=context, require_starttls=True)
    elif word == "implicit":
        options.update(ssl_context=context)
    elif word == "login":
        name, password = rest.pop(0).encode(), rest.pop(0).encode()

        def check(server, session, envelope, mechanism, data):
            is_right = data.login == name and data.password == password
            with open(os.path.join(folder, "logins"), "a") as file:
                file.write(f"{mechanism} {is_right}\n")
            return AuthResult(success=is_right)

        options.update(authenticator=check, auth_required=True, auth_require_tls=context is not None)
    elif word == "limit":
        options.update(data_size_limit=int(rest.pop(0)))
    elif word == "hold":
        holds = True


class Keeper:
    count = 0

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if holds:
            with open(os.path.join(folder, "held"), "a") as file:
                file.write(f"{address}\n")
            while not os.path.exists(os.path.join(folder, "go")):
                await asyncio.sleep(0.01)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        letter = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
        self.count += 1
        name = os.path.join(folder, f"{self.count}")
        attached = []
        for part in letter.iter_attachments():
            attached.append(part.get_filename())
            with open(f"{name}.zip", "wb") as file:
                file.write(part.get_payload(decode=True))
        told = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "headers": [key for key, _ in letter.items()],
            "subject": letter["subject"],
            "date": letter["date"],
            "body": letter.get_body().get_content(),
            "attached": attached,
            "defects": [str(defect) for part in letter.walk() for defect in part.defects],
        }
        with open(f"{name}.part", "w") as file:
            json.dump(told, file)
        os.rename(f"{name}.part", f"{name}.json")
        return "250 kept"


controller = Controller(Keeper(), hostname="127.0.0.1", port=port, **options)
controller.start()
print("ready", flush=True)
threading.Event().wait()
