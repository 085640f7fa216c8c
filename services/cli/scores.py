"""`pulsetrail score`, `score-leads`, `cases`, `case`, `decide-case`, `train-model`."""

from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from services.cli.desk import Desk, Request
from services.cli.exit_codes import DONE
from services.cli.output import Output, cell
from services.cli.reading import ReadingRequest, asker_of
from services.cli.remote import RemoteServer
from services.cli.signals import print_rows
from services.scoring.api.models import shown_models
from services.scoring.domain.authenticity_cases import (
    AUTHENTICITY_CASES,
    DecideCase,
    Verdict,
    stream_of,
)
from services.scoring.domain.case_list import STATES
from services.scoring.learning import learn
from services.scoring.queries.cases import CaseFilter, case_page, one_case, shown_whole
from services.scoring.queries.conversions import models_of
from services.scoring.queries.lead_scores import every_lead_score
from services.scoring.queries.read_models import LOG_NAME
from services.scoring.queries.score_explanations import lead_score, opportunity_score
from shared.access import Visibility
from shared.errors import FieldProblem, Malformed

_EVERYTHING = Visibility(everything=True)
_KINDS = {"opportunity": "opportunities", "lead": "leads"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowScore(ReadingRequest):
    """With each contribution."""

    name: ClassVar[str] = "score"

    kind: str
    id: str

    async def run(self, desk: Desk) -> int:
        self._refuse_unknown()
        await desk.keep_up()
        organisation = (await asker_of(desk)).organisation
        found = opportunity_score if self.kind == "opportunity" else lead_score
        desk.output.document(await found(desk.ports, organisation, _EVERYTHING, self.id))
        return DONE

    async def ask(self, server: RemoteServer, output: Output) -> int:
        self._refuse_unknown()
        path = f"/{_KINDS[self.kind]}/{quote(self.id, safe='')}/score"
        output.document(await server.document(path, {}))
        return DONE

    def _refuse_unknown(self) -> None:
        if self.kind not in _KINDS:
            problem = FieldProblem("kind", "unknown", f"one of {', '.join(_KINDS)}")
            raise Malformed(f"there are no scores of {self.kind!r}", errors=[problem])


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowCases(ReadingRequest):
    """One a line, the latest first; `state` None: all."""

    name: ClassVar[str] = "cases"

    state: str | None = None
    rule: str | None = None
    rep: str | None = None

    async def run(self, desk: Desk) -> int:
        if self.state is not None and self.state not in STATES:
            problem = FieldProblem("state", "unknown", f"one of {', '.join(STATES)}")
            raise Malformed(f"no case is {self.state!r}", errors=[problem])
        await desk.keep_up()
        organisation = (await asker_of(desk)).organisation
        wanted = CaseFilter(self.state, self.rule, self.rep)
        rows, _ = await case_page(desk.ports, organisation, _EVERYTHING, wanted, None, None)
        print_rows(desk.output, rows)
        return DONE

    async def ask(self, server: RemoteServer, output: Output) -> int:
        query = {"state": self.state, "rule": self.rule, "rep": self.rep}
        print_rows(output, (await server.pages("/authenticity-cases", query, None))["rows"])
        return DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowCase(ReadingRequest):
    """With the records that prove it."""

    name: ClassVar[str] = "case"

    id: str

    async def run(self, desk: Desk) -> int:
        await desk.keep_up()
        organisation = (await asker_of(desk)).organisation
        case = await one_case(desk.ports, organisation, _EVERYTHING, self.id)
        desk.output.document(await shown_whole(desk.ports, organisation, case))
        return DONE

    async def ask(self, server: RemoteServer, output: Output) -> int:
        path = f"/authenticity-cases/{quote(self.id, safe='')}"
        output.document(await server.document(path, {}))
        return DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideOneCase(Request):
    name: ClassVar[str] = "decide-case"

    id: str
    verdict: Verdict
    reason: str

    async def run(self, desk: Desk) -> int:
        await desk.keep_up()
        organisation = (await asker_of(desk)).organisation
        case = await one_case(desk.ports, organisation, _EVERYTHING, self.id)
        command = DecideCase(
            case_id=self.id,
            verdict=self.verdict,
            reason=self.reason,
            decided_by=None,
            now=desk.ports.clock(),
        )
        where = stream_of(case.rule, case.rep_id)
        context = desk.context(self.name)
        await desk.ports.commands(LOG_NAME).handle(AUTHENTICITY_CASES, where, command, context)
        desk.output.line(f"{self.id}: {self.verdict}")
        return DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreLeads(Request):
    """Every lead as it would be answered now, the best first, one a line."""

    name: ClassVar[str] = "score-leads"

    async def run(self, desk: Desk) -> int:
        await desk.keep_up()
        organisation = (await asker_of(desk)).organisation
        print_rows(desk.output, await every_lead_score(desk.ports, organisation))
        return DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainModel(Request):
    """From the tenant's own closed leads."""

    name: ClassVar[str] = "train-model"

    take_effect: bool = False

    async def run(self, desk: Desk) -> int:
        await desk.keep_up()
        context = desk.context(self.name)
        learned = await learn(desk.ports, context, take_effect=self.take_effect)
        models = await models_of(desk.ports, desk.tenant_id)
        answer = {**shown_models(models), "learned": learned.model, "is_new": learned.is_new}
        _tell(desk.output, answer)
        return DONE


def _tell(output: Output, answer: dict[str, Any]) -> None:
    if output.as_json:
        output.document(answer)
        return
    model = answer["learned"]
    output.line(
        f"model {model.version}: {model.leads} closed leads, {model.converted} converted;"
        f" on leads it had not seen ({model.folds}-fold): AUC {model.auc:.4f},"
        f" Brier score {model.brier:.4f}"
    )
    columns = ("begins", "ends", "leads", "predicted", "observed")
    rows = [{name: getattr(each, name) for name in columns} for each in model.calibration]
    output.table("calibration", rows, columns)
    answering = answer["answering"]
    output.line(f"answering: {'the rules' if answering is None else f'model {cell(answering)}'}")
