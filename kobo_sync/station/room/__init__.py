"""The facilitator's screen: how to join, who came, what arrived, what to mend while people are still there."""
