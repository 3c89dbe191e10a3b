"""Which filter an event belongs to, by its name. Names follow Segment's e-commerce and email events."""

from typing import Final

from cdp_site.pages.timeline.entries import Group

_ORDERS: Final = frozenset(
    {
        "Cart Updated",
        "Cart Viewed",
        "Checkout Started",
        "Checkout Step Completed",
        "Checkout Step Viewed",
        "Coupon Applied",
        "Coupon Entered",
        "Order Cancelled",
        "Order Completed",
        "Order Refunded",
        "Order Updated",
        "Payment Info Entered",
        "Product Added",
        "Product Removed",
    }
)
_PROFILE: Final = frozenset({"Aliased", "Group Joined", "Identified", "Signed Up"})
_MESSAGES: Final = ("Email ", "SMS ", "Push ", "CRM ", "Webhook ", "Subscription ", "Unsubscribed")

# Every delivery that left comes back as an event of this name; the delivery itself tells it better.
TOLD_BY_DELIVERIES: Final = ("CRM Action Sent", "Email Sent", "Webhook Sent")


def group_of(name: str) -> Group:
    """Choose the filter that shows events of this name."""
    if name in _ORDERS:
        return Group.ORDERS
    if name in _PROFILE:
        return Group.PROFILE
    if name.startswith(_MESSAGES):
        return Group.MESSAGES
    return Group.WEB
