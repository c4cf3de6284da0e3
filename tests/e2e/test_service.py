"""What sandboxes serve, in a real browser: it works, and nothing of one sandbox reaches another or the console."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from playwright.async_api import async_playwright, expect

from sandboxcore import AsyncSandboxClient
from tests.chromium import CHROMIUM
from tests.e2e.terminal_page import TerminalPage
from tests.server.running import Sandboxd
from tests.stack import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import BrowserContext, Page

    from sandboxcore import AsyncServiceURL
    from tests.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.kernel]
APP = Path(__file__).parent / "web_app.py"

TRY = """async (url) => {
    const outcome = async (attempt) => {
        try { return await attempt(); } catch (error) { return error.name; }
    };
    const read = (options) => outcome(async () => (await fetch(url, options)).text());
    const socket = await new Promise((resolve) => {
        const opened = new WebSocket(url.replace("http", "ws") + "live");
        opened.onopen = () => resolve("open");
        opened.onerror = () => resolve("refused");
    });
    const script = await new Promise((resolve) => {
        const element = document.createElement("script");
        element.src = url;
        element.onload = () => resolve("ran");
        element.onerror = () => resolve("refused");
        document.head.append(element);
    });
    const frame = await new Promise((resolve) => {
        const element = document.createElement("iframe");
        element.src = url;
        element.onload = () => resolve(outcome(async () => element.contentWindow.document.body.innerText));
        document.body.append(element);
    });
    return {
        read: await read({credentials: "include"}),
        blind: await read({credentials: "include", mode: "no-cors", method: "POST"}),
        socket, script, frame, cookies: document.cookie,
    };
}"""


@pytest.fixture
async def context() -> AsyncIterator[BrowserContext]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**CHROMIUM)
        yield await browser.new_context()
        await browser.close()


@asynccontextmanager
async def serving(endpoint: str, key: str, name: str) -> AsyncIterator[AsyncServiceURL]:
    """The web application in a sandbox of its own."""
    port = free_port()  # free outside too, for the runtime that isolates nothing
    async with AsyncSandboxClient(api_endpoint=endpoint, api_key=key) as client:
        template = f"service-{uuid4().hex[:8]}"
        await client.create_template(template, "host")
        async with await client.sandbox(template) as sandbox:
            await sandbox.write("web_app.py", APP.read_bytes())
            async with await sandbox.run(f"exec python3 web_app.py {port} {name}", timeout=0, wait=False) as command:
                async for chunk in command:
                    if "listening" in chunk.data:
                        break
                yield await sandbox.service(port)
        await client.delete_template(template)


async def log_of(service: AsyncServiceURL) -> list[dict[str, Any]]:
    """The requests that the application got."""
    found: list[dict[str, Any]] = (await service.get("/log")).json()
    return found


async def enter(page: Page, service: AsyncServiceURL, name: str) -> str:
    """Open the service as a person does; the address that the browser then shows."""
    await page.goto(await service.get_browser_url())
    await expect(page.get_by_role("heading")).to_have_text(name)
    await expect(page.locator("#live")).to_have_text("echo: hello from the page")
    return page.url


async def test_it_works(context: BrowserContext, stack: Stack) -> None:
    async with serving(stack.api_endpoint, stack.api_key, "first") as service:
        page = await context.new_page()
        address = await enter(page, service, "first")
        token = await service.get_token()
        assert token not in address
        assert token not in await page.evaluate(
            "document.cookie + document.referrer + performance.getEntries()[0].name"
        )

        await page.get_by_label("Word").fill("<b>bold</b> & plain")
        await page.get_by_role("button", name="Send").click()
        await expect(page.get_by_role("heading")).to_have_text("You sent <b>bold</b> & plain")
        assert page.url == address + "form"

        log = await log_of(service)
        assert [each["path"] for each in log if each["path"] != "/favicon.ico"] == ["/", "/live", "/form"]
        assert token not in str(log)
        assert stack.api_key not in str(log)

        stranger = await context.browser.new_context()  # type: ignore[union-attr]
        other_page = await stranger.new_page()
        answer = await other_page.goto(address)
        assert answer is not None
        assert answer.status == 401
        await expect(other_page.get_by_role("heading")).to_contain_text("needs a token")
        await stranger.close()


async def test_a_page_of_one_sandbox_reaches_neither_another_nor_the_console(
    context: BrowserContext, stack: Stack
) -> None:
    async with (
        serving(stack.api_endpoint, stack.api_key, "first") as first,
        serving(stack.api_endpoint, stack.api_key, "second") as second,
    ):
        console = TerminalPage(await context.new_page(), stack)
        await console.sign_in()
        victim = await context.new_page()
        address = await enter(victim, second, "second")
        before = await log_of(second)
        attacker = await context.new_page()
        await enter(attacker, first, "first")
        await attacker.evaluate("document.cookie = 'planted=1; domain=localhost'")

        for url in (address, f"{stack.console_url}/"):
            found = await attacker.evaluate(TRY, url)
            assert found["read"] == "TypeError", url
            assert found["blind"] in {"TypeError", ""}, url  # an opaque answer has no text
            assert found["socket"] == "refused", url
            assert found["frame"] in {"TypeError", "SecurityError"}, url
            assert second.token not in str(found)
            assert "sessionid" not in found["cookies"]
        assert (await attacker.evaluate(TRY, address))["script"] == "refused"
        assert await log_of(second) == before

        assert "planted" not in await victim.evaluate("document.cookie")
        assert {cookie["domain"] for cookie in await context.cookies(address)} == {address.split("/")[2].split(":")[0]}
        await victim.reload()
        await expect(victim.locator("#live")).to_have_text("echo: hello from the page")


async def test_sandboxes_of_one_site_are_kept_apart_though_their_cookies_are_sent(context: BrowserContext) -> None:
    # Below one registered domain, as services are on a real one, a browser's SameSite holds nothing back.
    server = await asyncio.to_thread(Sandboxd(service_domain="svc.localhost").start)
    try:
        at = f"{server.origin}/v2/sandboxes", server.key
        async with serving(*at, "first") as first, serving(*at, "second") as second:
            victim, attacker = await context.new_page(), await context.new_page()
            address = await enter(victim, second, "second")
            await enter(attacker, first, "first")
            before = await log_of(second)
            await attacker.evaluate("document.cookie = 'sandbox-service-token=sbxs_planted; domain=svc.localhost'")
            found = await attacker.evaluate(TRY, address)
            assert (found["read"], found["socket"], found["script"]) == ("TypeError", "refused", "refused")
            assert found["frame"] in {"TypeError", "SecurityError"}
            assert await log_of(second) == before
            await victim.reload()
            await expect(victim.locator("#live")).to_have_text("echo: hello from the page")

            await attacker.evaluate("(url) => { location = url; }", address)
            await expect(attacker.get_by_role("heading")).to_have_text("second")
    finally:
        await asyncio.to_thread(server.close)
