"""Pipelines, action types, opportunities, their actions, evidence and approvals."""
