"""Voices made others: one file, or all files of folders, with checks before anything is written."""

from affectus.analysis.anonymize.job import Job, anonymize_files, anonymize_sources
from affectus.analysis.anonymize.methods import METHODS, open_anonymizer
from affectus.analysis.anonymize.one import Outcome, anonymize_file

__all__ = ["METHODS", "Job", "Outcome", "anonymize_file", "anonymize_files", "anonymize_sources", "open_anonymizer"]
