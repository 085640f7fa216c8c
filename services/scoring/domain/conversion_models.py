"""CONVERSION_MODELS: what was learned from a tenant's leads, and which of it answers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from shared.decider import Decider
from shared.errors import DomainError, NotFound
from shared.events.scoring import (
    CalibrationBin,
    ConversionModelTookEffect,
    ConversionModelTrained,
)

ONE_PER_TENANT = "conversion"
FEWEST_LEADS = 200
FEWEST_OF_EACH = 30
"""Closed leads, and of those converted and not, below which a history is too short to learn."""


class HistoryIsTooShort(DomainError):
    """The rules go on answering."""

    code = "history-is-too-short"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Of leads that the model had not seen."""

    auc: float
    brier: float
    calibration: tuple[CalibrationBin, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteTrainedModel:
    """Its weights are stored as the object `sha256`."""

    sha256: str
    leads: int
    converted: int
    folds: int
    quality: Quality
    features: tuple[str, ...]
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PutModelIntoEffect:
    """`version` None: the rules answer again."""

    version: int | None
    now: datetime


ModelsCommand = NoteTrainedModel | PutModelIntoEffect
ModelsEvent = ConversionModelTrained | ConversionModelTookEffect


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """`answering` None: the rules do. `beside`: trained last and not answering."""

    trained: tuple[ConversionModelTrained, ...] = ()
    answering: ConversionModelTrained | None = None

    @property
    def beside(self) -> ConversionModelTrained | None:
        latest = self.trained[-1] if self.trained else None
        return None if latest == self.answering else latest


def refuse_short_history(leads: int, converted: int) -> None:
    """Raises HistoryIsTooShort."""
    if leads < FEWEST_LEADS or min(converted, leads - converted) < FEWEST_OF_EACH:
        raise HistoryIsTooShort(
            f"{leads} closed leads, {converted} of them converted: a model needs {FEWEST_LEADS},"
            f" {FEWEST_OF_EACH} of each kind"
        )


def note_trained(command: NoteTrainedModel, models: Models) -> Sequence[ModelsEvent]:
    """The same weights again are no other model."""
    refuse_short_history(command.leads, command.converted)
    if models.trained and models.trained[-1].sha256 == command.sha256:
        return []
    return [
        ConversionModelTrained(
            version=len(models.trained) + 1,
            sha256=command.sha256,
            leads=command.leads,
            converted=command.converted,
            folds=command.folds,
            auc=command.quality.auc,
            brier=command.quality.brier,
            calibration=list(command.quality.calibration),
            features=list(command.features),
            trained_at=command.now,
        )
    ]


def put_into_effect(command: PutModelIntoEffect, models: Models) -> Sequence[ModelsEvent]:
    """Raises NotFound."""
    wanted = None
    if command.version is not None:
        wanted = next((each for each in models.trained if each.version == command.version), None)
        if wanted is None:
            raise NotFound(f"there is no model {command.version}")
    if wanted == models.answering:
        return []
    return [
        ConversionModelTookEffect(
            version=command.version,
            sha256=None if wanted is None else wanted.sha256,
            took_effect_at=command.now,
        )
    ]


def decide(command: ModelsCommand, models: Models) -> Sequence[ModelsEvent]:
    match command:
        case NoteTrainedModel():
            return note_trained(command, models)
        case PutModelIntoEffect():
            return put_into_effect(command, models)
        case _:
            assert_never(command)


def evolve(models: Models, event: ModelsEvent) -> Models:
    match event:
        case ConversionModelTrained():
            return replace(models, trained=(*models.trained, event))
        case ConversionModelTookEffect():
            answering = next(
                (each for each in models.trained if each.version == event.version), None
            )
            return replace(models, answering=answering)
        case _:
            assert_never(event)


CONVERSION_MODELS: Decider[ModelsCommand, Models, ModelsEvent] = Decider(
    name="conversion_models", decide=decide, evolve=evolve, initial=Models()
)
