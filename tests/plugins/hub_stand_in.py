"""Stands in for the Hugging Face Hub: a local server of the HTTP calls that its client makes."""

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

TOKEN = "hf_stand_in"
LICENCES = ("unknown", "apache-2.0", "cc-by-nc-sa-4.0")


class Hub(ThreadingHTTPServer):
    """The state of the stand-in: files by repository, and what was uploaded as LFS."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.private: dict[str, bool] = {}
        self.objects: dict[str, bytes] = {}
        self.commits: list[str] = []
        self.address = f"http://127.0.0.1:{self.server_port}"

    def sha(self, repository: str) -> str:
        files = self.repositories[repository]
        parts = [name.encode() + files[name] for name in sorted(files)]
        return hashlib.sha1(b"".join(parts)).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Answers as the Hub does, as far as the client asks."""

    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, body: Any = b"", status: int = 200, **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def refuse(self, status: int, code: str, message: str) -> None:
        self.answer({"error": message}, status, X_Error_Code=code, X_Error_Message=message)

    def content(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_POST(self) -> None:
        path, body = urlsplit(self.path).path, self.content()
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.refuse(401, "", "Invalid username or password.")
        if path == "/api/repos/create":
            return self.create(json.loads(body))
        if path == "/api/validate-yaml":
            return self.validate(json.loads(body)["content"])
        if path.endswith("/objects/batch"):
            uploads = [
                {"oid": oid, "size": row["size"], "actions": {"upload": {"href": self.href(oid)}}}
                for row in json.loads(body)["objects"]
                if (oid := row["oid"])
            ]
            return self.answer({"transfer": "basic", "objects": uploads})
        repository = "/".join(path.split("/")[3:5])
        if "/preupload/" in path:
            files = [
                {"path": row["path"], "shouldIgnore": False, "uploadMode": self.mode(row["path"])}
                for row in json.loads(body)["files"]
            ]
            return self.answer({"files": files})
        return self.commit(repository, [json.loads(line) for line in body.splitlines()])

    def href(self, oid: str) -> str:
        return f"{self.server.address}/lfs/{oid}"

    def mode(self, name: str) -> str:
        return "lfs" if name.endswith((".tflite", ".onnx", ".zip")) else "regular"

    def create(self, row: dict[str, Any]) -> None:
        repository = f"{row['organization']}/{row['name']}"
        url = f"{self.server.address}/{repository}"
        if repository in self.server.repositories:
            return self.answer({"error": "You already created this model repo", "url": url}, 409)
        self.server.repositories[repository] = {".gitattributes": b"*.tflite filter=lfs\n"}
        self.server.private[repository] = row.get("private", row.get("visibility") == "private")
        return self.answer({"url": url})

    def validate(self, card: str) -> None:
        licence = yaml.safe_load(card.split("---")[1])["license"]
        errors = (
            [] if licence in LICENCES else [{"message": f'"license" must be one of {LICENCES}'}]
        )
        self.answer({"errors": errors, "warnings": []}, 400 if errors else 200)

    def commit(self, repository: str, lines: list[dict[str, Any]]) -> None:
        files = self.server.repositories[repository]
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            if line["key"] == "lfsFile":
                files[value["path"]] = self.server.objects[value["oid"]]
            if line["key"] == "deletedFile":
                del files[value["path"]]
            if line["key"] == "header":
                self.server.commits.append(value["summary"])
        sha = self.server.sha(repository)
        url = f"{self.server.address}/{repository}/commit/{sha}"
        self.answer({"success": True, "commitOid": sha, "commitUrl": url})

    def do_PUT(self) -> None:
        self.server.objects[self.path.split("/")[-1]] = self.content()
        self.answer()

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        parts = path.split("/")
        is_api = path.startswith("/api/models/")
        repository = "/".join(parts[3:5] if is_api else parts[1:3])
        files = self.server.repositories.get(repository)
        if files is None:
            return self.refuse(401, "RepoNotFound", "Invalid username or password.")
        sha = self.server.sha(repository)
        if "revision" in parts and parts[-1] not in ("main", sha):
            return self.refuse(404, "RevisionNotFound", f"Invalid rev id: {parts[-1]}")
        if not is_api:
            content = files["/".join(parts[5:])]
            etag = f'"{hashlib.sha256(content).hexdigest()}"'
            return self.answer(content, ETag=etag, X_Repo_Commit=sha)
        rows = [
            {"type": "file", "path": name, "rfilename": name, "size": len(content), "oid": "0" * 40}
            for name, content in files.items()
        ]
        if "tree" in parts:
            return self.answer(rows)
        private = self.server.private[repository]
        return self.answer({"id": repository, "sha": sha, "private": private, "siblings": rows})


@contextmanager
def started() -> Iterator[Hub]:
    server = Hub()
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()
