"""What the company sets for all journeys."""

import logging

from cdp_site.models import Company
from journeys.domain.parse import JourneyError, read_company
from journeys.domain.settings import Company as CompanyRules

logger = logging.getLogger(__name__)


def company_rules() -> CompanyRules:
    """What the company sets for all journeys; what cannot be read holds nobody up."""
    company = Company.objects.filter(id=1).first()
    if company is None:
        return CompanyRules()
    try:
        return read_company(company.settings, zone=company.time_zone)
    except JourneyError:
        logger.exception("the company's settings cannot be read")
        return CompanyRules(zone=company.time_zone)
