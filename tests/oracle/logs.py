"""The two logs that the oracle reads: the public bank log and the made-up one."""

import os
from datetime import timedelta
from pathlib import Path

from tests.oracle.case import Rules

CHECKOUT = Path(__file__).resolve().parents[2]
SAMPLES = Path(os.environ.get("PULSETRAIL_SAMPLES", CHECKOUT.parent / "shared" / "data"))
BANK_LOG = SAMPLES / "bpic12" / "dev.csv.gz"
MADE_UP_LOG = CHECKOUT / "examples" / "made_up" / "log.csv"
BANK_IS_AWAY = f"the bank log is not at hand: {BANK_LOG} does not exist (PULSETRAIL_SAMPLES)"

_BANK_STAGES = (
    "submitted",
    "preaccepted",
    "accepted",
    "finalized",
    "offer_sent",
    "offer_returned",
)

BANK = Rules(
    source="bpic12",
    currency="EUR",
    zone="Asia/Shanghai",
    stages=_BANK_STAGES,
    stage_entered_by={
        "A_PREACCEPTED": "preaccepted",
        "A_ACCEPTED": "accepted",
        "A_FINALIZED": "finalized",
        "O_SENT": "offer_sent",
        "O_SENT_BACK": "offer_returned",
    },
    limits=dict.fromkeys(_BANK_STAGES, timedelta(days=7)),
    golden={
        "preaccepted": ("W_Completeren aanvraag START",),
        "offer_sent": ("W_Nabellen offertes START",),
    },
    won_by=frozenset({"A_APPROVED", "A_REGISTERED", "A_ACTIVATED"}),
    lost_by={"A_DECLINED": "declined", "A_CANCELLED": "cancelled"},
    nobody=frozenset({"", "112"}),
    team_of=lambda resource: f"team-{int(resource) % 4}",
    unowned_unit="loans",
    parents={
        "company": None,
        "loans": "company",
        **{f"team-{number}": "loans" for number in range(4)},
    },
)

MADE_UP = Rules(
    source="made-up",
    currency="CNY",
    zone="Asia/Shanghai",
    stages=("new", "qualified", "solution", "quoted", "negotiation"),
    stage_entered_by={
        "QUALIFIED": "qualified",
        "SOLUTION": "solution",
        "QUOTE_SENT": "quoted",
        "NEGOTIATION": "negotiation",
    },
    limits={
        "new": timedelta(hours=72),
        "qualified": timedelta(hours=120),
        "solution": timedelta(hours=120),
        "quoted": timedelta(hours=120),
        "negotiation": timedelta(hours=168),
    },
    golden={
        "qualified": ("电话沟通 START",),
        "quoted": ("上门拜访 START",),
        "negotiation": ("Sample sent COMPLETE", "Demo START"),
    },
    won_by=frozenset({"CONTRACT_SIGNED", "WON"}),
    lost_by={"LOST_PRICE": "price", "LOST_SILENT": "silent", "LOST_RIVAL": "rival"},
    nobody=frozenset({"", "sys"}),
    team_of=lambda resource: f"team-{int(resource) % 3}",
    unowned_unit="sales",
    parents={
        "company": None,
        "sales": "company",
        "north": "sales",
        "south": "sales",
        "team-0": "north",
        "team-1": "north",
        "team-2": "south",
    },
)
