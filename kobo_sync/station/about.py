"""What the API says of the server itself: tokens, accounts, permissions, usage, environment."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from werkzeug.wrappers import Response

from kobo_sync.station import access, render
from kobo_sync.station.auth import NO_CREDENTIALS
from kobo_sync.station.wire import Asked, Context, Refused, forbidden, json_answer, micros, no_such_page, seconds, whole

_NAMES = {
    "add_submissions": "Can submit data to asset",
    "change_asset": "Can change asset",
    "change_submissions": "Can modify submitted data for asset",
    "delete_submissions": "Can delete submitted data for asset",
    "discover_asset": "Can discover asset in public lists",
    "manage_asset": "Can manage all aspects of asset",
    "partial_submissions": "Can make partial actions on submitted data for asset for specific users",
    "validate_submissions": "Can validate submitted data asset",
    "view_asset": "Can view asset",
    "view_submissions": "Can view submitted data for asset",
}
_IMPLIED = {  # in the words and the order of a real server [r09]; what they do on the station is in `access`
    "change_asset": ("view_asset",),
    "change_submissions": ("view_asset", "view_submissions", "add_submissions"),
    "delete_submissions": ("view_submissions", "view_asset"),
    "discover_asset": ("view_asset",),
    "manage_asset": tuple(
        "validate_submissions discover_asset add_submissions change_asset change_submissions delete_submissions"
        " view_submissions view_asset".split()
    ),
    "partial_submissions": ("view_asset",),
    "validate_submissions": ("view_submissions", "view_asset"),
    "view_submissions": ("view_asset",),
}
_AGAINST_PARTIAL = ("view_submissions", "change_submissions", "delete_submissions", "validate_submissions")
_ENVIRONMENT: dict[str, Any] = {
    "terms_of_service_url": "",
    "privacy_policy_url": "",
    "source_code_url": "",
    "support_email": "",
    "support_url": "",
    "academy_url": "",
    "community_url": "",
    "frontend_min_retry_time": 2,
    "frontend_max_retry_time": 120,
    "use_team_label": True,
    "usage_limit_enforcement": False,
    "allow_self_account_deletion": False,
    "sector_choices": [["Other", "Other"]],
    "operational_purpose_choices": [["", ""]],
    "country_choices": [["MAR", "Morocco"]],
    "interface_languages": [["ar", "العربيّة"], ["fr", "français"]],
    "mfa_localized_help_text": "",
    "mfa_enabled": False,
    "mfa_code_length": 6,
    "superuser_auth_enforcement": False,
    "enable_password_entropy_meter": False,
    "enable_custom_password_guidance_text": False,
    "custom_password_localized_help_text": "",
    "project_metadata_fields": [{"name": "sector", "required": False, "label": "Sector"}],
    "extra_project_metadata_fields": [],
    "user_metadata_fields": [{"name": "name", "required": False, "label": "Full name"}],
    "social_apps": [],
    "asr_mt_features_enabled": False,
    "submission_placeholder": "%SUBMISSION%",
    "project_history_log_lifespan": 744,
    "stripe_public_key": None,
    "terms_of_service__sitewidemessage__exists": False,
}
_ROOT = (
    "assets asset_snapshots asset_subscriptions asset_usage imports organizations permissions project-views"
    " service_usage users user-reports tags terms-of-service project-ownership/invites languages"
    " transcription-services translation-services audit-logs access-logs access-logs/me project-history-logs"
    " access-logs/export access-logs/me/export authorized_application/users"
).split()
_NLP = {"total_nlp_asr_seconds": 0, "total_nlp_mt_characters": 0, "total_nlp_llm_requests": 0}


def _login(request: Asked) -> str:
    if request.username is None:
        raise Refused(401, {"detail": NO_CREDENTIALS})
    return request.username


def _me(base: str, username: str, *, is_superuser: bool, now: str) -> dict[str, Any]:
    """``GET /me/`` [a05]; *now* is ISO, whole seconds, ending in Z."""
    organization = "org" + sha256(f"org {username}".encode()).hexdigest()[:22]
    return {
        "username": username,
        "first_name": "",
        "last_name": "",
        "email": "",
        "is_superuser": is_superuser,
        "server_time": now,
        "date_joined": now,
        "projects_url": f"{base}/{username}",
        "gravatar": "",
        "last_login": None,
        "extra_details": {"name": "", "organization": "", "require_auth": True},
        "git_rev": False,
        "social_accounts": [],
        "validated_password": True,
        "accepted_tos": False,
        "organization": {
            "url": f"{base}{render.API}/organizations/{organization}/",
            "name": f"{username}'s organization",
            "uid": organization,
        },
        "extra_details__uid": render.user_uid(username),
    }


def _api_root(base: str) -> dict[str, str]:
    """``GET /api/v2/`` [a08]."""
    return {name: f"{base}{render.API}/{name}/" for name in _ROOT}


def token(context: Context, request: Asked) -> Response:
    """``/token/?format=json`` [a02, a03]. Accounts of phones do not come so far: of all others this is their own."""
    return json_answer({"token": context.token(_login(request))})


def me(context: Context, request: Asked) -> Response:
    """``/me/``: the true test of a token [a05-a07]."""
    username, now = _login(request), seconds(context.now())
    return json_answer(_me(request.base, username, is_superuser=request.is_superuser, now=now))


def root(context: Context, request: Asked) -> Response:
    """``/api/v2/`` [a08]."""
    return json_answer(_api_root(request.base))


def environment(context: Context, request: Asked) -> Response:
    """``/api/v2/environment/``, to anybody [r20]: nothing in it is of this station but its address."""
    return json_answer({**_ENVIRONMENT, "open_rosa_server": request.base})


# ── accounts ────────────────────────────────────────────────────────────────


def users(context: Context, request: Asked) -> Response:
    """``/api/v2/users/``: for superusers alone [r08d, r08e]."""
    _login(request)
    if not request.is_superuser:
        raise forbidden()
    names, now = context.names(), seconds(context.now())
    limit, start = _slice(request)
    counts = {
        row["owner"]: row["n"]
        for row in context.db.reader.execute("SELECT owner, count(*) AS n FROM assets GROUP BY owner")
    }
    results = [
        {
            "id": n,
            "username": name,
            "is_superuser": name == request.username,
            "date_joined": now,
            "last_login": None,
            "is_active": True,
            "email": "",
            "asset_count": counts.get(name, 0),
            "metadata": {"name": "", "organization": ""},
        }
        for n, name in enumerate(names, start=1)
    ]
    return json_answer(_page(request, results, limit, start))


def one_user(context: Context, request: Asked, name: str) -> Response:
    """``/api/v2/users/<name>/``: who that is, to whoever is signed in [r08]."""
    _login(request)
    if not context.knows(name):
        raise Refused(404, {"detail": "No User matches the given query."})
    facts = {"username": name, "date_joined": seconds(context.now())}
    counts = {"public_collection_subscribers_count": 0, "public_collections_count": 0}
    return json_answer({"url": render.user_url(request.base, name), **facts, **counts})


def permissions(context: Context, request: Asked) -> Response:
    """``/api/v2/permissions/``: all there are [r09]."""
    return json_answer(render.page([_permission(request.base, name) for name in _NAMES], len(_NAMES)))


def one_permission(context: Context, request: Asked, codename: str) -> Response:
    """``/api/v2/permissions/<codename>/`` [r09, r09b]."""
    if codename not in _NAMES:
        raise Refused(404, {"detail": "No Permission matches the given query."})
    return json_answer(_permission(request.base, codename))


def _permission(base: str, codename: str) -> dict[str, Any]:
    def urls(names: tuple[str, ...]) -> list[str]:
        return [f"{base}{render.API}/permissions/{name}/" for name in names]

    against = (*_AGAINST_PARTIAL, "manage_asset") if codename == "partial_submissions" else ()
    return {
        "url": f"{base}{render.API}/permissions/{codename}/",
        "codename": codename,
        "implied": urls(_IMPLIED.get(codename, ())),
        "contradictory": urls(("partial_submissions",) if codename in _AGAINST_PARTIAL else against),
        "name": _NAMES[codename],
    }


# ── usage ───────────────────────────────────────────────────────────────────


def tags(context: Context, request: Asked) -> Response:
    """``/api/v2/tags/``: none, ever [r18]."""
    return json_answer(render.page([], 0))


def organizations(context: Context, request: Asked) -> Response:
    """``/api/v2/organizations/``: each account has one of its own [r23]."""
    username, now = _login(request), micros(context.now())
    own = _me(request.base, username, is_superuser=False, now=now)["organization"]
    url = own["url"]
    places = {name: f"{url}{name}/" for name in ("members", "assets", "service_usage", "asset_usage")}
    result = {
        "id": own["uid"],
        "url": url,
        "name": own["name"],
        "website": "",
        "organization_type": "none",
        "created": now,
        "modified": now,
        "is_owner": True,
        "is_mmo": False,
        "request_user_role": "owner",
        **places,
    }
    return json_answer(render.page([result], 1))


def asset_usage(context: Context, request: Asked) -> Response:
    """``/api/v2/asset_usage/``: submissions and bytes of each project of one's own [r19]."""
    username, month = _login(request), seconds(context.now())[:7]
    limit, start = _slice(request)
    results = [
        {
            "asset": render.asset_url(request.base, asset["uid"]),
            "asset__name": asset["name"],
            "nlp_usage_current_period": _NLP,
            "nlp_usage_all_time": _NLP,
            "storage_bytes": _bytes(context, asset["uid"]),
            "submission_count_current_period": _submissions(context, asset["uid"], month),
            "submission_count_all_time": _submissions(context, asset["uid"], ""),
        }
        for asset in access.visible(context, request)
        if asset["owner"] == username
    ]
    return json_answer(_page(request, results, limit, start))


def service_usage(context: Context, request: Asked) -> Response:
    """``/api/v2/service_usage/``: the same in all; a station has no limits [r19b]."""
    username, now = _login(request), context.now()
    owned = [asset["uid"] for asset in access.visible(context, request) if asset["owner"] == username]
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)
    nlp = {f"{name}_{period}": 0 for period in ("current_period", "all_time") for name in ("asr_seconds", "mt_characters", "llm_requests")}  # fmt: skip
    limits = ("submission", "storage_bytes", "asr_seconds", "mt_characters", "llm_requests")
    return json_answer(
        {
            "total_nlp_usage": nlp,
            "total_storage_bytes": sum(_bytes(context, uid) for uid in owned),
            "total_submission_count": {
                "all_time": sum(_submissions(context, uid, "") for uid in owned),
                "current_period": sum(_submissions(context, uid, seconds(now)[:7]) for uid in owned),
            },
            "balances": dict.fromkeys(limits),
            "current_period_start": month.isoformat(),
            "current_period_end": following.isoformat(),
            "last_updated": now.isoformat(),
        }
    )


def _bytes(context: Context, uid: str) -> int:
    sql = (
        "SELECT ifnull(sum(length(content)), 0) FROM blobs WHERE sha IN (SELECT blob FROM attachments"
        " JOIN submissions ON submissions.id = submission_id WHERE asset = ?)"
    )
    return int(context.db.reader.execute(sql, (uid,)).fetchone()[0])


def _submissions(context: Context, uid: str, month: str) -> int:
    sql = "SELECT count(*) FROM submissions WHERE asset = ? AND substr(submission_time, 1, ?) = ?"
    return int(context.db.reader.execute(sql, (uid, len(month), month)).fetchone()[0])


def _slice(request: Asked) -> tuple[int, int]:
    args = request.args
    limit = min(max(whole(args.get("limit")) or 100, 1), 1000)
    return limit, max(whole(args.get("start")) or whole(args.get("offset")) or 0, 0)


def _page(request: Asked, results: list[dict[str, Any]], limit: int, start: int) -> dict[str, Any]:
    nexts = render.links(request.here, request.args.to_dict(), count=len(results), limit=limit, offset=start)
    return render.page(results[start : start + limit], len(results), nexts)


def authority(context: Context, request: Asked) -> Response:
    """``/certificate.crt``: what a phone installs to trust this station, and nothing else; ours alone, not KoboToolbox's."""
    if not context.authority:
        raise no_such_page()
    return Response(context.authority, content_type="application/x-x509-ca-cert")
