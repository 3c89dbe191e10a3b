"""The two sites beside the product: a shop with our snippet in it, a CRM that keeps what it is told.

Both listen on loopback only and hold their state in memory. They know the product by its address, a write
key and a shared secret, as any other system would.
"""

from cdp_site.demo.sites.crm import Crm, Record
from cdp_site.demo.sites.serving import Site
from cdp_site.demo.sites.shop import Shop

__all__ = ["Crm", "Record", "Shop", "Site"]
