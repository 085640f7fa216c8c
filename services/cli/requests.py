"""Everything that can be handed to the process that serves a folder, by its name."""

from collections.abc import Mapping

from services.cli.boards import ShowBoard
from services.cli.calendars import ListCalendarYears, SetCalendarYear
from services.cli.demo_tenant import LookForDemonstration
from services.cli.desk import Request
from services.cli.doctor import Examine
from services.cli.event_log import ShowEvents, Verify
from services.cli.explanations import ExplainFigure, ExplainOne, ShowTimeline
from services.cli.exporting import Export
from services.cli.import_history import ImportHistory
from services.cli.keys import CreateKey, ListKeys, RevokeKey
from services.cli.lead_boards import ShowCustomer, ShowLeadBoard
from services.cli.lead_rules import CompareLeadRules
from services.cli.pipelines import PublishPipelineFile
from services.cli.rebuilding import Rebuild
from services.cli.scores import (
    DecideOneCase,
    ScoreLeads,
    ShowCase,
    ShowCases,
    ShowScore,
    TrainModel,
)
from services.cli.signals import ShowEscalations, ShowSignals
from services.cli.tenants import CreateTenantNamed, GoLiveNow, ListTenants
from services.cli.undo_import import UndoImport

_ALL: tuple[type[Request], ...] = (
    CompareLeadRules,
    CreateKey,
    CreateTenantNamed,
    DecideOneCase,
    Examine,
    ExplainFigure,
    ExplainOne,
    Export,
    GoLiveNow,
    ImportHistory,
    ListCalendarYears,
    ListKeys,
    ListTenants,
    LookForDemonstration,
    PublishPipelineFile,
    Rebuild,
    RevokeKey,
    SetCalendarYear,
    ScoreLeads,
    ShowBoard,
    ShowCase,
    ShowCases,
    ShowCustomer,
    ShowEscalations,
    ShowEvents,
    ShowLeadBoard,
    ShowScore,
    ShowSignals,
    ShowTimeline,
    TrainModel,
    UndoImport,
    Verify,
)

REQUESTS: Mapping[str, type[Request]] = {each.name: each for each in _ALL}
