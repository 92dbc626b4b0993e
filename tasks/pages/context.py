"""The browser context that a spec asks for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext

from farm.jobs.specs.access import Cookie
from farm.jobs.specs.page import PageOptions

_OF_DEVICE = ("viewport", "device_scale_factor", "is_mobile", "has_touch", "user_agent")
_OPTIONAL = ("reduced_motion", "forced_colors", "contrast")


def context_options(
    spec: PageOptions, devices: Mapping[str, Mapping[str, Any]], har: Path | None
) -> dict[str, Any]:
    """Return Playwright's options for ``new_context``.

    Args:
        spec: What it says itself goes before what its device brings along.
        devices: Playwright's registry.
        har: Where to write the log of the traffic, if it is wanted.
    """
    options: dict[str, Any] = {
        "accept_downloads": False,
        "service_workers": "block",  # They would fetch around what is intercepted.
        "viewport": spec.viewport.model_dump(),
        "device_scale_factor": spec.device_scale_factor,
        "is_mobile": spec.is_mobile,
        "has_touch": spec.has_touch,
        "user_agent": spec.user_agent,
        "locale": spec.locale,
        "timezone_id": spec.timezone_id,
        "color_scheme": spec.color_scheme,
        "java_script_enabled": spec.java_script_enabled,
        "bypass_csp": spec.bypass_csp,
        "ignore_https_errors": spec.ignore_https_errors,
        "permissions": list(spec.permissions),
    }
    if spec.device is not None:
        device = devices[spec.device]
        options.update(
            {name: device[name] for name in _OF_DEVICE if name not in spec.model_fields_set}
        )
        if "screen" in device and "viewport" not in spec.model_fields_set:
            options["screen"] = device["screen"]
    options.update({name: getattr(spec, name) for name in _OPTIONAL if getattr(spec, name)})
    if spec.geolocation is not None:
        options["geolocation"] = spec.geolocation.model_dump()
        options["permissions"] = sorted({*spec.permissions, "geolocation"})
    if spec.http_credentials is not None:
        options["http_credentials"] = {
            "username": spec.http_credentials.username,
            "password": spec.http_credentials.password,
            "origin": origin_of(spec.http_credentials.origin or spec.url),
        }
    if spec.extra_http_headers and spec.extra_http_headers_to == "all":
        options["extra_http_headers"] = spec.extra_http_headers
    if spec.storage_state is not None:
        origins = [
            {**each.model_dump(), "origin": origin_of(each.origin)}
            for each in spec.storage_state.origins
        ]
        options["storage_state"] = {"cookies": [], "origins": origins}
    if har is not None:
        options["record_har_path"] = har
        options["record_har_content"] = "omit"
    return options


def add_cookies(context: BrowserContext, spec: PageOptions) -> None:
    """Give ``context`` the cookies of ``spec``, and of its storage state."""
    cookies = (*(spec.storage_state.cookies if spec.storage_state else ()), *spec.cookies)
    if cookies:
        context.add_cookies([_cookie(each, spec.url) for each in cookies])


def _cookie(cookie: Cookie, page_url: str | None) -> Any:  # noqa: ANN401 - Playwright's SetCookieParam
    found = cookie.model_dump(exclude_none=True)
    if cookie.domain is not None:
        found.setdefault("path", "/")
    else:
        found.setdefault("url", page_url)
    return found


def origin_of(url: str | None) -> str:
    """Return scheme, host and port of ``url``, which is normalised; ``""`` of none."""
    parts = urlsplit(url or "")
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
